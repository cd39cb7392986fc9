"""EVM chains: what they say is checked against their own headers and recorded as facts, exactly once.

rpc         JSON-RPC over HTTP           source      the port: what an endpoint is asked for
hexadecimal the encoding of its values   endpoint    the port's adapter over JSON-RPC
header      RLP and hash of a header     checks      logs against headers (pure)
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
