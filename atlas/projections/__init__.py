"""The views: folds of the log into PostgreSQL tables whose rows are versioned by log position.

``Projector`` (``projector``) keeps the views of ``views.VIEWS`` up to the log; ``tables`` declares what they
are made of, and readers compile their SQL from those declarations.
"""
