"""EVM chains: what they say is checked against their own headers and recorded as facts, exactly once.

transport   HTTP within bounds           source      the port: what an endpoint is asked for
rpc         JSON-RPC over it             endpoint    the port's adapter over JSON-RPC
refusals    what its errors mean (pure)  sources     several endpoints as one, new heads, recordings
hexadecimal the encoding of its values   columns     logs from JSON to Arrow (pure)
header      JSON to a verified header    checks      logs against headers (pure)
receipts    all logs of a block, proven  evidence    what endpoints said that was not so
proving     the proof of a recorded log
logs        logs by column, read as a sequence   column_checks   checks of many at once
forkchoice  stored chain and new path to a decision (pure)
rules       what is indexed (pure)       filters     what an endpoint is asked for (pure)
rulebook    configured against stored rules (pure)
ranges      what to ask for next (pure)  history     ranges in turn, fetched ahead
gathering   the logs of some blocks      reading     blocks with their logs, by hash or by range
recording   blocks to facts (pure)       state       schema ``indexer``: window, cursor, rules, children
commit      facts and state together     standing    how a chain fares, and the operator's decisions
deep        forks below the window (pure)    rejoining   what is done about them
starts      where a contract begins      indexer     the loop
"""
