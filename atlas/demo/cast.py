"""Who plays: the accounts of a development chain, with keys that everybody knows."""

import msgspec
from eth_account import Account

MNEMONIC = "test test test test test test test test test test test junk"  # anvil's and Hardhat's default
Account.enable_unaudited_hdwallet_features()


class Player(msgspec.Struct, frozen=True):
    """A participant: what it is called, its address and its key."""

    name: str
    address: str  # EIP-55
    private_key: bytes


def _player(index: int, name: str) -> Player:
    account = Account.from_mnemonic(MNEMONIC, account_path=f"m/44'/60'/0'/0/{index}")
    return Player(name, str(account.address), bytes(account.key))


FOUNDATION = _player(0, "Foundation")  # holds the supply, administers the contracts
STUDIO = _player(1, "North Pier")
CREATOR = _player(2, "Mara Lind")
FIRST_WORKER = _player(3, "GPU worker 1")
SECOND_WORKER = _player(4, "GPU worker 2")
STREAMER = _player(5, "Harbour Stream")
BRAND = _player(6, "Foghorn Coffee")
FAN = _player(7, "A fan")
COLLECTOR = _player(8, "A collector")
WATCHER = _player(9, "A watcher")
MODEL_PROVIDER = _player(10, "Second Order Optics")
COMMUNITY = _player(11, "Lamp Lighters")

PLAYERS = (
    FOUNDATION,
    STUDIO,
    CREATOR,
    FIRST_WORKER,
    SECOND_WORKER,
    STREAMER,
    BRAND,
    FAN,
    COLLECTOR,
    WATCHER,
    MODEL_PROVIDER,
    COMMUNITY,
)
NAMES = {player.address.lower(): player.name for player in PLAYERS}
