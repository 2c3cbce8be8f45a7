"""Variables of the environment in the configuration's texts."""

from __future__ import annotations

import re
from collections.abc import Mapping

_REFERENCE = re.compile(r"\$(?:\$|\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}|(\{[^}]*\}?)?)")


def expand(text: str, environ: Mapping[str, str]) -> str:
    """`text` with `${VAR}` and `${VAR:-default}` replaced; `$$` stands for a dollar sign.

    An empty variable counts as unset where there is a default, as in a shell. A dollar sign before anything
    else stays. Raises LookupError, with a message that names the variable and never its value.
    """

    def replace(match: re.Match[str]) -> str:
        if match[0] == "$$":
            return "$"
        name, default, malformed = match[1], match[2], match[3]
        if malformed is not None:
            raise LookupError(
                "holds a malformed ${…}; write ${NAME} or ${NAME:-default}, and $$ for a dollar sign"
            )
        if name is None:
            return "$"
        value = environ.get(name)
        if default is not None:
            return value or default
        if value is None:
            raise LookupError(
                f"the environment variable {name} is not set; set it, or write ${{{name}:-default}}"
            )
        return value

    return _REFERENCE.sub(replace, text)
