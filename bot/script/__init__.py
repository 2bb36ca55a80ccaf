"""The script engine: straight-line dialogs, replayed from a journal."""
