"""What the environment asks of telemetry, in OpenTelemetry's own variables (`OTEL_*`).

It is off unless something says where to send it, or `OTEL_TRACES_EXPORTER` or `OTEL_METRICS_EXPORTER` says
`otlp`. Whatever cannot be done is told and left out: telemetry never keeps the gateway from serving.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from math import isfinite

from routing.trace import WHOLE, Sampler, Tracing

PROTOCOL = "http/protobuf"
SIGNALS = ("traces", "metrics")
SAMPLERS = {
    "always_on": (False, True),
    "always_off": (False, False),
    "traceidratio": (False, None),
    "parentbased_always_on": (True, True),
    "parentbased_always_off": (True, False),
    "parentbased_traceidratio": (True, None),
}
"""Whether a caller decides, and otherwise whether a trace is recorded; None: by its id."""
PACKAGES = ("opentelemetry.sdk", "opentelemetry.exporter.otlp.proto.http")


@dataclass(frozen=True, slots=True)
class Telemetry:
    """What is sent. `old_names`: the attributes of earlier conventions beside the present ones."""

    traces: bool
    metrics: bool
    sampler: Sampler
    old_names: bool = False

    @property
    def tracing(self) -> Tracing:
        """What workers have to know of it."""
        return Tracing(self.sampler if self.traces else None)


def telemetry_of(environ: Mapping[str, str]) -> tuple[Telemetry | None, list[str]]:
    """What is asked for, None for nothing; and a line for all that cannot be done."""
    problems: list[str] = []
    if environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return None, problems
    traces, metrics = (_wanted(signal, environ, problems) for signal in SIGNALS)
    if not (traces or metrics):
        return None, problems
    if not installed():
        problems.append("telemetry is off: it needs headgate[otel] (pip install 'headgate[otel]')")
        return None, problems
    sampler = _sampler(environ, problems)
    choices = {choice.strip() for choice in environ.get("OTEL_SEMCONV_STABILITY_OPT_IN", "").split(",")}
    return Telemetry(traces, metrics, sampler, "gen_ai/dup" in choices), problems


def installed() -> bool:
    """Whether the extra is there."""
    try:
        return all(find_spec(package) is not None for package in PACKAGES)
    except ModuleNotFoundError:
        return False


def _wanted(signal: str, environ: Mapping[str, str], problems: list[str]) -> bool:
    """Whether this signal is to be sent."""
    name = signal.upper()
    exporters = {one.strip() for one in environ.get(f"OTEL_{name}_EXPORTER", "").split(",") if one.strip()}
    where = environ.get(f"OTEL_EXPORTER_OTLP_{name}_ENDPOINT") or environ.get("OTEL_EXPORTER_OTLP_ENDPOINT")
    if not exporters and not where or exporters == {"none"}:
        return False
    if exporters and "otlp" not in exporters:
        problems.append(f"no {signal} are sent: OTEL_{name}_EXPORTER must be otlp or none")
        return False
    protocol = environ.get(f"OTEL_EXPORTER_OTLP_{name}_PROTOCOL") or environ.get(
        "OTEL_EXPORTER_OTLP_PROTOCOL"
    )
    if protocol not in (None, "", PROTOCOL):
        problems.append(f"no {signal} are sent: OTEL_EXPORTER_OTLP_PROTOCOL must be {PROTOCOL}")
        return False
    return True


def _sampler(environ: Mapping[str, str], problems: list[str]) -> Sampler:
    name = environ.get("OTEL_TRACES_SAMPLER", "").strip() or "parentbased_always_on"
    if name not in SAMPLERS:
        problems.append(f"OTEL_TRACES_SAMPLER must be one of {', '.join(SAMPLERS)}; all traces are sampled")
        name = "parentbased_always_on"
    by_parent, whole = SAMPLERS[name]
    if whole is not None:
        return Sampler(by_parent, WHOLE if whole else 0)
    try:
        ratio = float(environ.get("OTEL_TRACES_SAMPLER_ARG", "") or 1)
    except ValueError:
        ratio = -1.0
    if not (isfinite(ratio) and 0 <= ratio <= 1):
        problems.append("OTEL_TRACES_SAMPLER_ARG must be a number from 0 to 1; all traces are sampled")
        ratio = 1.0
    return Sampler(by_parent, round(ratio * WHOLE))
