"""What the server does with what workers send: opened, verified, throttled, recorded or quarantined."""
