"""Small trees in the form of real corpora, made by the tests."""

import gzip
import pickle

import numpy as np
import soundfile


def write_sphere(path, samples, coding="pcm", rate=16000, count=None):
    """A NIST SPHERE file with a header of 1024 bytes."""
    fields = [
        "NIST_1A",
        "   1024",
        "channel_count -i 1",
        f"sample_count -i {len(samples) if count is None else count}",
        f"sample_rate -i {rate}",
        "sample_n_bytes -i 2",
        "sample_byte_format -s2 01",
        "sample_sig_bits -i 16",
        f"sample_coding -s{len(coding)} {coding}",
        "end_head",
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes("\n".join(fields).encode().ljust(1024) + samples.astype("<i2").tobytes())


def write_riff(path, samples, rate=16000, subtype="PCM_16"):
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, samples, rate, subtype=subtype, format="WAV")


def noise(seed, length=2500):
    return np.random.default_rng(seed).integers(-3000, 3000, length).astype(np.int16)


def write_ldc_tree(root, train_speakers=4, test_speakers=2, files=10, upper=True, write=write_sphere):
    """A tree like LDC93S1's, with fewer speakers."""

    def case(text):
        return text.upper() if upper else text

    number = 0
    for part, speakers in (("train", train_speakers), ("test", test_speakers)):
        for speaker in range(speakers):
            for file in range(files):
                number += 1
                region = f"dr{speaker % 8 + 1}"
                folder = root / case(part) / case(region) / case(f"f{part[1]}{speaker:03d}")
                write(folder / case(f"sx{file}.wav"), noise(number))
                (folder / case(f"sx{file}.phn")).write_text("0 100 h#\n")
    return root


def write_sample_tree(root, write=write_riff):
    """A tree like NLTK's sample: 16 speakers of 10 sentences."""
    speakers = "fvmh0 mcpm0 faem0 marc0 falk0 madc0 falr0 maeb0 ftlg0 mbgt0 fapb0 mbma1 fblv0 madd0 fbcg1 mbcg0"
    for number, speaker in enumerate(speakers.split()):
        for file in range(10):
            write(root / f"dr{number // 2 + 1}-{speaker}" / f"s{file}.wav", noise(number * 10 + file))
    return root


def write_idx(path, images, magic=2051, count=None, zipped=False):
    """An IDX file of (N, height, width) images."""
    header = np.array([magic, len(images) if count is None else count, *images.shape[1:]], ">u4")
    content = header.tobytes() + images.astype(np.uint8).tobytes()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(content) if zipped else content)


def grey_images(seed, count=12):
    return np.random.default_rng(seed).integers(0, 256, (count, 28, 28))


def write_mnist_tree(root, ending="-idx3-ubyte", zipped=False):
    """A tree like MNIST's, with 12 training and 4 test images."""
    write_idx(root / f"train-images{ending}", grey_images(1), zipped=zipped)
    write_idx(root / f"t10k-images{ending}", grey_images(2, 4), zipped=zipped)
    return root


def write_amat_tree(root):
    """A tree like Larochelle's binarised MNIST, with 8, 3 and 2 images."""
    root.mkdir(parents=True, exist_ok=True)
    for part, count in (("train", 8), ("valid", 3), ("test", 2)):
        rows = np.random.default_rng(count).integers(0, 2, (count, 784))
        lines = [" ".join(map(str, row)) for row in rows]
        (root / f"binarized_mnist_{part}.amat").write_text("\n".join(lines) + "\n")
    return root


PIECES = {
    "train": [[(60, 64), (60,), ()], [(21, 108)] * 5],
    "valid": [[(50,), (52,)]],
    "test": [[(), (33, 40, 52)], [(70,)] * 4],
}


def write_pieces(path, pieces=None, protocol=2):
    """A pickle in the form of Boulanger-Lewandowski's."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(pickle.dumps(PIECES if pieces is None else pieces, protocol))
    return path
