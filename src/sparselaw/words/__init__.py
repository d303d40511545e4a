"""Every sentence that an answer can say, once, as data that Python and the page both read."""
