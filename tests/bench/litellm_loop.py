"""litellm's own `acompletion` in a loop, on the environment of the image: what the native path is held to.

`python litellm_loop.py URL SECONDS STREAM REQUEST`: one request after the other; prints how many, how long,
and the CPU of this process, in seconds, as JSON.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
import litellm

WARM_UP = 30


async def ask(url: str, messages: Any, stream: bool) -> int:
    """One request; how many chunks or characters came."""
    answer = await litellm.acompletion(
        model="gemini/gemini-2.5-flash", messages=messages, temperature=0.2, max_tokens=2048, api_key="none",
        api_base=url, stream=stream, num_retries=0, max_retries=0,
        **({"stream_options": {"include_usage": True}} if stream else {}),
    )  # fmt: skip
    if not stream:
        return len(answer.choices[0].message.content)
    return sum([1 async for _ in answer])


async def main() -> None:
    """Warms up, asks until the time is over, prints."""
    url, seconds, stream, request = sys.argv[1], float(sys.argv[2]), sys.argv[3] == "true", sys.argv[4]
    messages = json.loads(Path(request).read_text())
    for _ in range(WARM_UP):
        assert await ask(url, messages, stream) > 0
    count, began, cpu = 0, time.perf_counter(), time.process_time()
    while time.perf_counter() - began < seconds:
        assert await ask(url, messages, stream) > 0
        count += 1
    told = {"requests": count, "seconds": time.perf_counter() - began, "cpu": time.process_time() - cpu}
    print(json.dumps(told))


if __name__ == "__main__":
    asyncio.run(main())
