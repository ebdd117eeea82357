"""What happens to servers, told from the first instruction on; what came of it is kept for the tests to judge."""
