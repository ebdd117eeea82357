"""What people are told of a decision: status, conditions, words and events."""
