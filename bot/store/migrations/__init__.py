"""The schema's history, run by `bot.store.migration`. Expand first, deploy, contract later."""
