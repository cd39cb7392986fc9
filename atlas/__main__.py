"""``python -m atlas`` and the command ``atlas-ledger``."""

from atlas.cli.app import main

if __name__ == "__main__":
    main()
