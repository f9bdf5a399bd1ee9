"""Writes tables and plots of a results file into a document, between two comments."""

import os
import subprocess
import sys
import venv

import goals
import machine
import tables
from figures import Runs
from scenarios import Scenarios

BEGIN = "<!-- begin: written by clients/bench/series --report -->"
END = "<!-- end: written by clients/bench/series --report -->"
# Another version may draw other lines for the same figures.
MATPLOTLIB = "matplotlib==3.11.2"


def write(results, file):
    require_matplotlib()
    import plots
    runs = Runs(results)
    loads = Scenarios(quick=runs.quick).all()
    folder = file.parent / file.stem
    images = plots.draw(runs, loads, folder)
    text = file.read_text() if file.exists() else f"# Benchmarks\n\n{BEGIN}\n{END}\n"
    if text.count(BEGIN) != 1 or text.count(END) != 1:
        sys.exit(f"series: {file} needs these two lines once each, and what is between them is replaced:\n{BEGIN}\n{END}")
    before, rest = text.split(BEGIN)
    after = rest.split(END)[1]
    file.write_text(f"{before}{BEGIN}\n\n{body(runs, loads, images, file.stem)}\n{END}{after}")


def body(runs, loads, images, folder):
    parts = [conditions(runs), f"### Goals\n\n{goals.table(runs)}\n"]
    for section, (title, _) in tables.SECTIONS.items():
        table = tables.section(runs, loads, section)
        if table:
            parts.append(f"### {title}\n\n{picture(images.pop(section, None), folder)}{table}")
    overview = "".join(picture(image, folder) for image in images.values())
    return "\n".join([parts[0], overview, *parts[1:]])


def picture(image, folder):
    return f"![{image[1]}]({folder}/{image[0]})\n\n" if image else ""


def conditions(runs):
    least, most = runs.round_counts()
    disturbed, count = runs.disturbed()
    days = runs.days()
    when = days[0] if len(days) == 1 else f"{days[0]} to {days[-1]}"
    medians = "one round" if most == 1 else f"medians of {least} rounds" if least == most else f"medians of {least} to {most} rounds"
    quick = " With `--quick`: short runs of reduced counts, good for trying the script alone." if runs.quick else ""
    return (f"{when}, {'; '.join(runs.machines())}. {', '.join(runs.versions())}; {medians}, the brokers in turns,\n"
            f"each on one core, the load on another. In {disturbed} of {count} runs other programs took more than a tenth of a core.{quick}\n")


def require_matplotlib():
    """Goes on in an environment that has it."""
    try:
        import matplotlib
        if MATPLOTLIB.endswith(f"=={matplotlib.__version__}"):
            return
    except ImportError:
        pass
    environment = machine.TARGET / "series-venv"
    python = environment / "bin/python"
    if not python.exists():
        print(f"series: {MATPLOTLIB} into {environment}", file=sys.stderr)
        venv.create(environment, with_pip=True)
    subprocess.run([python, "-m", "pip", "install", "--quiet", MATPLOTLIB], check=True)
    os.execv(python, [str(python), *sys.argv])
