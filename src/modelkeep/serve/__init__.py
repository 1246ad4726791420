"""Composition, from top to bottom: settings -> parts -> registry -> application (with tracking) -> process.

`parts`: what a setting becomes (database, store, sign-in provider). `registry`: the opened deployment, with its engine. `application`:
the routes of every client, and who signs requests in. `tracking`: MLflow's servers behind them. `listening`: sockets and TLS.
`process`: start, background work, stop.
"""
