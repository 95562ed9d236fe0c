"""Contract tests of the laptop's AWS: what it must do as AWS does, tried on the real emulator and real processes."""
