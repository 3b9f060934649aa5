"""The compose file: what can be judged without a daemon, and the platform brought up for real."""
