"""No answer that a cache keeps is older than the last write."""
