"""Results for people and for programs: figures and films, a one-page HTML report, JSON."""

from .figure import write_figure
from .page import write_json, write_page

__all__ = ["write_figure", "write_json", "write_page"]
