"""Modelkeep: models in a Unity Catalog of your own."""
