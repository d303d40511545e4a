"""Every sentence that an answer can say, once, as data that Python and the page both read."""

from sparselaw.words.forms import FORMS
from sparselaw.words.rules import TOPICS, rows, say, sentences, topic

__all__ = ["FORMS", "TOPICS", "rows", "say", "sentences", "topic"]
