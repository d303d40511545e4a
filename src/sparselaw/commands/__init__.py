"""What each command does: read, compute, print or write. Nothing heavy is imported before it is needed."""
