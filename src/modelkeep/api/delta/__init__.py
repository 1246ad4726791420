"""Delta Lake's own API to a catalog (`/delta/v1`): names in kebab case, errors in an envelope of their own."""
