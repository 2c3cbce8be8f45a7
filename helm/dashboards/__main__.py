"""`python -m helm.dashboards` writes every dashboard to `helm/headgate/dashboards/`."""

from __future__ import annotations

from pathlib import Path

from grafana_foundation_sdk.cog.encoder import JSONEncoder

from helm.dashboards import cost, health, latency, rollouts

FOLDER = Path(__file__).parents[1] / "headgate" / "dashboards"
PAGES = {
    "rollouts": rollouts.page,
    "cost": cost.page,
    "latency": latency.page,
    "health": health.page,
}


def made() -> dict[str, str]:
    """File name → its text."""
    encoder = JSONEncoder(sort_keys=True, indent=2, ensure_ascii=False)
    return {f"{name}.json": encoder.encode(page()) + "\n" for name, page in PAGES.items()}


if __name__ == "__main__":
    for name, text in made().items():
        (FOLDER / name).write_text(text, encoding="utf-8")
