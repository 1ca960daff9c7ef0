#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Real encoders publish to lib/media: ffmpeg, and both of GStreamer's RTMP sinks.

publishers.py RTMP_RECORDER. Encoders that are not installed are skipped.
"""
import os
import shutil
import subprocess
import sys
import tempfile
import traceback

RECORDER = os.path.abspath(sys.argv[1])
DEADLINE = 120  # seconds that any program may take, on a busy machine and under a sanitizer
KEY = "room.movie?token=abc"
tests = []


def test(title, *programs):
    def add(function):
        tests.append((title, programs, function))
    return add


def run(*command, allow_failure=False):
    """What it says on stdout."""
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=DEADLINE)
    assert allow_failure or done.returncode == 0, f"{command[0]}: {done.stderr}"
    return done.stdout


def ffmpeg(*options, allow_failure=False):
    return run("ffmpeg", "-nostdin", "-v", "error", "-y", *options, allow_failure=allow_failure)


def gst(sink, url):
    """A pipeline of two tracks into this sink."""
    run("gst-launch-1.0", "-q", "-e", *f"""
        videotestsrc num-buffers=90 ! video/x-raw,width=320,height=180,framerate=30/1 !
        x264enc key-int-max=30 tune=zerolatency ! h264parse ! flvmux name=mux streamable=true ! {sink} location={url}
        audiotestsrc num-buffers=130 ! audioconvert ! voaacenc ! aacparse ! mux.""".split())


class Recorder:
    """Takes `n` connections, one after the other, and writes what a viewer gets to self.path."""

    running = []

    def __init__(self, directory, n=1):
        self.path = os.path.join(directory, "viewer.flv")
        self.process = subprocess.Popen([RECORDER, self.path, str(n)], stdin=subprocess.DEVNULL,
                                        stdout=subprocess.PIPE, text=True)
        Recorder.running.append(self.process)
        self.port = int(self.process.stdout.readline().split()[1])

    def url(self, key=KEY):
        return f"rtmp://127.0.0.1:{self.port}/live/{key}"

    def lines(self):
        """What has happened, once all connections are closed."""
        text, _ = self.process.communicate(timeout=DEADLINE)
        assert self.process.returncode == 0, f"exit status {self.process.returncode}"
        return text.splitlines()


def equal(got, wanted):
    assert got == wanted, f"{got!r} instead of {wanted!r}"


def source(directory, video="libx264", audio="aac", seconds=4):
    """A file of ffmpeg's: H.264 with B-frames, AAC, a key frame each second."""
    path = os.path.join(directory, "source.flv")
    h264 = ["-preset", "ultrafast", "-bf", "2"] if video == "libx264" else []
    ffmpeg("-f", "lavfi", "-i", "testsrc=size=320x180:rate=30", "-f", "lavfi", "-i",
           "sine=frequency=440:sample_rate=44100", "-t", str(seconds), "-c:v", video, *h264, "-g", "30",
           "-c:a", audio, path)
    return path


def packets(path):
    """Track, times, size and checksum of each."""
    text = ffmpeg("-i", path, "-c", "copy", "-f", "framemd5", "-")
    return [line for line in text.splitlines() if not line.startswith("#")]


def entries(path, what):
    text = run("ffprobe", "-v", "error", "-show_entries", what, "-of", "csv=p=0", path)
    return [line.split(",") for line in text.splitlines()]


def decodes(path):
    ffmpeg("-xerror", "-err_detect", "explode", "-i", path, "-f", "null", "-")


@test("ffmpeg: a viewer gets the very packets that were published, at their times", "ffmpeg")
def _(directory):
    path = source(directory)
    recorder = Recorder(directory)
    ffmpeg("-i", path, "-c", "copy", "-f", "flv", recorder.url())
    equal(recorder.lines(), ["publish app=live key=room.movie query=token=abc", "end", "closed"])
    wanted = packets(path)
    assert len(wanted) > 200
    equal(packets(recorder.path), wanted)
    equal(entries(recorder.path, "stream=codec_name"), [["h264"], ["aac"]])
    decodes(recorder.path)


@test("ffmpeg: old codecs without headers", "ffmpeg")
def _(directory):
    path = source(directory, "flv1", "pcm_s16le")
    recorder = Recorder(directory)
    ffmpeg("-i", path, "-c", "copy", "-f", "flv", recorder.url())
    recorder.lines()
    equal(packets(recorder.path), packets(path))


@test("ffmpeg: times beyond 24 bits", "ffmpeg")
def _(directory):
    path = source(directory, seconds=2)
    recorder = Recorder(directory)
    ffmpeg("-itsoffset", "16776.5", "-i", path, "-c", "copy", "-f", "flv", recorder.url())
    recorder.lines()
    equal([line.split(",")[-1] for line in packets(recorder.path)], [line.split(",")[-1] for line in packets(path)])
    times = [float(t) for (t,) in entries(recorder.path, "packet=dts_time")]
    assert times[0] < 16777.215 < times[-1], f"{times[0]} to {times[-1]}"


@test("ffmpeg: sound alone, and picture alone", "ffmpeg")
def _(directory):
    path = source(directory)
    for option, flags in (("-vn", 4), ("-an", 1)):
        recorder = Recorder(directory)
        ffmpeg("-i", path, option, "-c", "copy", "-f", "flv", recorder.url())
        recorder.lines()
        with open(recorder.path, "rb") as file:
            equal(file.read(5), b"FLV\1" + bytes([flags]))
        decodes(recorder.path)


@test("a publisher that returns goes on where it was: one frame later, with a key frame", "ffmpeg")
def _(directory):
    path = source(directory)
    recorder = Recorder(directory, 2)
    for _ in range(2):
        ffmpeg("-i", path, "-c", "copy", "-f", "flv", recorder.url())
    recorder.lines()
    found = [(int(track), float(time), "K" in flags)
             for track, time, flags in entries(recorder.path, "packet=stream_index,dts_time,flags")]
    equal(len(found), 2 * len(packets(path)))
    for track in (0, 1):
        times = [time for t, time, _ in found if t == track]
        steps = [b - a for a, b in zip(times, times[1:])]
        assert min(steps) > 0 and max(steps) < 1, f"steps of {min(steps)} to {max(steps)}"
    video = [is_key for track, _, is_key in found if track == 0]
    assert video[0] and video[len(video) // 2]
    decodes(recorder.path)


@test("a refused publisher is told so, and nothing of it goes on", "ffmpeg")
def _(directory):
    recorder = Recorder(directory)
    ffmpeg("-f", "lavfi", "-i", "testsrc=size=320x180:rate=30", "-t", "2", "-c:v", "libx264", "-f", "flv",
           recorder.url("room.movie?token=bad"), allow_failure=True)
    equal(recorder.lines(), ["publish app=live key=room.movie query=token=bad", "closed"])
    equal(os.path.getsize(recorder.path), 0)


@test("a key that cannot be is refused", "ffmpeg")
def _(directory):
    recorder = Recorder(directory)
    ffmpeg("-f", "lavfi", "-i", "testsrc=size=320x180:rate=30", "-t", "2", "-c:v", "libx264", "-f", "flv",
           recorder.url("k" * 300), allow_failure=True)
    equal(recorder.lines(), ["error its stream key is one that cannot be", "closed"])


def gstreamer(directory, sink):
    recorder = Recorder(directory)
    gst(sink, recorder.url())
    equal(recorder.lines(), ["publish app=live key=room.movie query=token=abc", "end", "closed"])
    kinds = entries(recorder.path, "stream=codec_name")
    equal(sorted(kinds), [["aac"], ["h264"]])
    found = entries(recorder.path, "packet=codec_type,dts_time,flags")
    equal(len([p for p in found if p[0] == "video"]), 90)
    assert "K" in next(p for p in found if p[0] == "video")[2]
    for track in ("video", "audio"):
        times = [float(p[1]) for p in found if p[0] == track]
        steps = [b - a for a, b in zip(times, times[1:])]
        assert min(steps) > 0 and max(steps) < 0.1, f"steps of {min(steps)} to {max(steps)}"
    decodes(recorder.path)


@test("GStreamer: rtmp2sink, which is content with how it ends", "gst-launch-1.0", "ffprobe")
def _(directory):
    gstreamer(directory, "rtmp2sink")


@test("GStreamer: rtmpsink, which is librtmp", "gst-launch-1.0", "ffprobe")
def _(directory):
    gstreamer(directory, "rtmpsink")


def main():
    failed = 0
    print(f"1..{len(tests)}", flush=True)
    for number, (title, programs, function) in enumerate(tests, 1):
        missing = [program for program in programs if shutil.which(program) is None]
        if missing:
            print(f"ok {number} - {title} # SKIP {missing[0]} is not installed", flush=True)
            continue
        with tempfile.TemporaryDirectory(prefix="synctv-test-") as directory:
            try:
                function(directory)
                print(f"ok {number} - {title}", flush=True)
            except Exception:
                failed += 1
                print(f"not ok {number} - {title}", flush=True)
                for line in traceback.format_exc().splitlines():
                    print("#", line, flush=True)
            for process in Recorder.running:
                process.kill()
                process.wait()
            Recorder.running.clear()
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
