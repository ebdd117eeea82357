"""What stands between a Sovereign and the internet: mirrors, authorities and proxies."""
