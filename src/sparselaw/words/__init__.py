"""Every sentence that an answer can say, once, as data that Python and the page both read."""

from sparselaw.words.rules import TOPICS, say, sentences, topic

__all__ = ["TOPICS", "say", "sentences", "topic"]
