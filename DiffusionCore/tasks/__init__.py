"""What a person asks for: each task a short story that reads top to bottom."""

from .enhance import EnhanceResult, enhance
from .options import EnhanceOptions

__all__ = ["EnhanceOptions", "EnhanceResult", "enhance"]
