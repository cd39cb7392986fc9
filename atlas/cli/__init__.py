"""The command line, a module for each command or family of commands."""
