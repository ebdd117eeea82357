"""Performance as ratios to a floor measured in the same run. Nothing here passes or fails on time; see
docs/performance.md."""
