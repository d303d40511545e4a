"""Every sentence that an answer can say, once, as data that Python and the page both read."""

from sparselaw.words.forms import FORMS, by_interval
from sparselaw.words.rules import TOPICS, rows, say, sentences, topic

__all__ = ["FORMS", "TOPICS", "by_interval", "rows", "say", "sentences", "topic"]
