"""Understanding: rules, an embedded classifier trained from Rasa-format data, and entities."""

from nlu.errors import BadExamples, BadModel
from nlu.factory import build

__all__ = ["BadExamples", "BadModel", "build"]
