"""Several endpoints as one source: who is asked, how much at once, whom to believe, and when to look again.

pool     the port over several endpoints          health   when an endpoint is asked again (pure)
quorum   two answers held against each other      pace     how much is asked for at once (pure)
ahead    ranges read at once, given in order      metrics  what Prometheus is told
heads    new blocks, told by WebSocket            recordings   endpoints on file
"""
