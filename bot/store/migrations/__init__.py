"""The schema's history, run by `bot.store.migrate`. Expand first, deploy, contract later."""
