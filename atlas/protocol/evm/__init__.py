"""What an EVM chain proves by itself: blocks, receipts and logs against a block hash. Pure, without a network.

rlp       the encoding of everything that is hashed      trie      roots of lists, and proofs of their items
headers   a header's fields, and its hash                 bloom     the 2048 bits of a block's logs
receipts  the consensus form of a receipt                 families  how chains differ
roots     receipts against a header                       proofs    a log, proven to who holds the block hash
"""
