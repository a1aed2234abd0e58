"""Pictures, sounds and files inside the page, as data URIs, and what had to be left out."""

from __future__ import annotations

import base64
import io
import json
import wave
from pathlib import Path

MOST_BYTES = 10_000_000  # of all data URIs together
MOST_SECONDS = 5.0  # of one recording
MOST_CHARACTERS = 6_000  # of one text
PICTURE_WIDTH = 1600  # pixels; wider pictures are scaled down, the pixels of small ones are made squares
COLOURS = 128  # of a picture of a sample
KINDS = {
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".wav": "audio/wav",
    ".mid": "audio/midi",
}


class Media:
    """Makes data URIs until they are too many.

    Args:
        folder: the results folder, which names are given relative to.
        most_bytes: of all data URIs together.

    Attributes:
        used: how many bytes the data URIs have so far.
        left_out: files that no longer fit, or could not be read.
        shortened: sounds and texts of which only the beginning is there.
    """

    def __init__(self, folder: Path, most_bytes: int = MOST_BYTES) -> None:
        self.folder = folder
        self.most_bytes = most_bytes
        self.used = 0
        self.left_out: list[str] = []
        self.shortened: list[str] = []

    def whole(self, path: Path) -> str | None:
        """A file as it is; None if there is no room."""
        return self._embed(path, path.read_bytes())

    def picture(self, path: Path) -> str | None:
        """A figure in few colours and not too wide; None if there is no room or it cannot be read."""
        return self._picture(path, enlarged=False)

    def pixels(self, path: Path) -> str | None:
        """A picture of a few pixels, which become squares; None if there is no room or it cannot be read."""
        return self._picture(path, enlarged=True)

    def _picture(self, path: Path, enlarged: bool) -> str | None:
        try:
            content = _useful_picture(path, enlarged)
        except (OSError, SyntaxError, ValueError):  # what Pillow raises
            self.left_out.append(self._name(path))
            return None
        return self._embed(path, content)

    def sound(self, path: Path) -> str | None:
        """The beginning of a recording; None if there is no room or it is no WAV file of whole numbers."""
        try:
            content, is_whole = _beginning(path)
        except (wave.Error, EOFError):
            self.left_out.append(self._name(path))
            return None
        uri = self._embed(path, content)
        if uri is not None and not is_whole:
            self.shortened.append(self._name(path))
        return uri

    def text(self, path: Path) -> str:
        """The beginning of a text."""
        content = path.read_text(encoding="utf-8", errors="replace")
        if len(content) <= MOST_CHARACTERS:
            return content
        self.shortened.append(self._name(path))
        return f"{content[:MOST_CHARACTERS]} …"

    def sentences(self, path: Path) -> dict[str, str] | None:
        """Sentences by name; None if they cannot be read."""
        try:
            return {str(name): str(sentence) for name, sentence in json.loads(path.read_text("utf-8")).items()}
        except (ValueError, AttributeError):
            self.left_out.append(self._name(path))
            return None

    def _embed(self, path: Path, content: bytes) -> str | None:
        uri = f"data:{KINDS[path.suffix]};base64,{base64.b64encode(content).decode()}"
        if self.used + len(uri) > self.most_bytes:
            self.left_out.append(self._name(path))
            return None
        self.used += len(uri)
        return uri

    def _name(self, path: Path) -> str:
        return path.relative_to(self.folder).as_posix()


def _useful_picture(path: Path, enlarged: bool) -> bytes:
    from PIL import Image  # not needed where there are no samples

    with Image.open(path) as image:
        picture = image.convert("RGB")
    if picture.width > PICTURE_WIDTH:
        height = round(picture.height * PICTURE_WIDTH / picture.width)
        picture = picture.resize((PICTURE_WIDTH, height), Image.Resampling.LANCZOS)
    elif enlarged:
        side = PICTURE_WIDTH // picture.width
        picture = picture.resize((side * picture.width, side * picture.height), Image.Resampling.NEAREST)
    encoded = io.BytesIO()
    picture.quantize(COLOURS, dither=Image.Dither.NONE).save(encoded, "PNG", optimize=True)
    return encoded.getvalue()


def _beginning(path: Path) -> tuple[bytes, bool]:
    """A WAV file of the first seconds of another, and whether that is all of it."""
    with wave.open(str(path), "rb") as recording:
        frames = min(recording.getnframes(), round(MOST_SECONDS * recording.getframerate()))
        encoded = io.BytesIO()
        with wave.open(encoded, "wb") as shorter:
            shorter.setparams(recording.getparams())
            shorter.writeframes(recording.readframes(frames))
        return encoded.getvalue(), frames == recording.getnframes()
