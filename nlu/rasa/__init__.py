"""Rasa Open Source as the classifier: its own process on its own Python, asked over HTTP."""

from nlu.rasa.client import Client
from nlu.rasa.recogniser import RasaRecogniser
from nlu.rasa.watch import Watch

__all__ = ["Client", "RasaRecogniser", "Watch"]
