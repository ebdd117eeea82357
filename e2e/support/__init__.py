"""What the demo, the stories and the benchmark share: kubectl, the emulator's lab endpoints, waiting, installing."""
