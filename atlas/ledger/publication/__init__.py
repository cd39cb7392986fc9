"""What the log shows to everybody, as C2SP tlog-tiles."""
