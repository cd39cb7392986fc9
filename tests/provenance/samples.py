"""Real media, made here: a PNG by zlib, a WAV by the standard library, an MP4 by PyAV."""

import io
import struct
import wave
import zlib
from datetime import UTC, datetime, timedelta
from pathlib import Path

import av
import numpy as np

from atlas.protocol.ids import derive_aaid
from atlas.protocol.vocabulary import Agent, AssetType
from atlas.provenance.authority import certificate_pem, create_development_authority
from atlas.provenance.content import ContentStore
from atlas.provenance.keys import KeyFiles, SigningIdentity, TrustList, init_keys, load_identity, load_trust_list
from atlas.provenance.manifest import Maker, ManifestDefinition, define_manifest
from atlas.provenance.media import MediaType
from atlas.provenance.pedigree import AssetVersion, Generation, MediaInput, MediaOutput, Pedigree
from atlas.provenance.signing import MediaSigner, SignedMedia

NOW = datetime.now(UTC).replace(microsecond=0)
CHAIN = "eip155:31337"
REGISTRY = bytes.fromhex("5fbdb2315678afecb367f032d93f642f64180aa3")
CREATOR = bytes.fromhex("f39fd6e51aad88f6f4ce6ab8827279cfffb92266")
MAKER = Maker("atlas.test/ledger", "1.2.3")


def png(seed: int = 1, width: int = 32, height: int = 32) -> bytes:
    """A noisy RGB picture."""
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width * 3), dtype=np.uint8)
    rows = b"".join(b"\0" + row.tobytes() for row in pixels)
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(png_chunk(kind, data) for kind, data in chunks)


def png_chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def wav(seed: int = 1, samples: int = 4_000) -> bytes:
    """A second of noise, mono, 16 bit."""
    sound = np.random.default_rng(seed).integers(-9000, 9000, samples, dtype=np.int16)
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(2)
        writer.setframerate(8_000)
        writer.writeframes(sound.tobytes())
    return buffer.getvalue()


def mp4(seed: int = 1, frames: int = 8) -> bytes:
    """A short MPEG-4 film."""
    buffer = io.BytesIO()
    generator = np.random.default_rng(seed)
    with av.open(buffer, "w", format="mp4") as container:
        stream = container.add_stream("mpeg4", rate=8)
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
        for _ in range(frames):
            picture = generator.integers(0, 256, (64, 64, 3), dtype=np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))
    return buffer.getvalue()


MEDIA = {MediaType.PNG: png, MediaType.WAV: wav, MediaType.MP4: mp4}


def asset_version(content_hash: bytes = bytes(32), token_id: int = 7, version: int = 1) -> AssetVersion:
    return AssetVersion(
        aaid=derive_aaid(CHAIN, REGISTRY, token_id),
        version=version,
        asset_type=AssetType.SHOT,
        chain=CHAIN,
        registry=REGISTRY,
        token_id=token_id,
        creator=CREATOR,
        owner=CREATOR,
        content_hash=content_hash,
        metadata_hash=bytes([9]) * 32,
        created_at=NOW,
        block_number=12,
        tx_hash=bytes([8]) * 32,
        position=40,
    )


def generation(
    number: int = 1, inputs: tuple[MediaInput, ...] = (), outputs: tuple[MediaOutput, ...] = ()
) -> Generation:
    return Generation(
        record_id=bytes([number]) * 32,
        position=number,
        worker=bytes([number]) * 20,
        sequence=number,
        agent=Agent.VIDEO,
        model_name="lantern",
        model_version="2.1",
        model_provider="lighthouse",
        prompt="a keeper climbs the stairs",
        device="cpu",
        device_count=1,
        runtime_ms=1_200,
        seed=2**200,
        config_sha256=bytes([3]) * 32,
        started_at=NOW + timedelta(seconds=number),
        ended_at=NOW + timedelta(seconds=number + 1),
        inputs=inputs,
        outputs=outputs,
    )


def pedigree(content_hash: bytes = bytes(32), sources: tuple[Generation, ...] | None = None) -> Pedigree:
    return Pedigree(asset_version(content_hash), (generation(),) if sources is None else sources, (), complete=True)


class Studio:
    """Keys, a content store and a signer in a directory."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.files: KeyFiles = init_keys(directory / "keys", NOW)
        self.identity: SigningIdentity = load_identity(self.files.chain, self.files.key, NOW)
        self.trust: TrustList = load_trust_list([self.files.root])
        self.content = ContentStore(directory / "content")
        self.signer = MediaSigner(self.identity, self.trust)

    def sign(self, data: bytes, media_type: MediaType) -> tuple[SignedMedia, bytes]:
        """The signed form of ``data`` with a simple manifest."""
        stored = self.content.put_bytes(data)
        definition = define_manifest(pedigree(stored.sha256), media_type, MAKER, ())
        return self.sign_as(data, definition)

    def sign_as(self, data: bytes, definition: ManifestDefinition) -> tuple[SignedMedia, bytes]:
        """The signed form of ``data`` with this manifest."""
        signed = self.signer.sign(io.BytesIO(data), definition, self.content, NOW)
        return signed, self.content.read(signed.sha256)


def stranger_trust(directory: Path) -> TrustList:
    """A trust list that does not know the studio's root."""
    from_elsewhere = create_development_authority("Elsewhere", NOW)
    path = directory / "elsewhere.pem"
    path.write_bytes(certificate_pem(from_elsewhere.root.certificate))
    return load_trust_list([path])
