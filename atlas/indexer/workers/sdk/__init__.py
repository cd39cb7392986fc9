"""What runs on a worker: recording generations, sealing, spooling, delivering."""
