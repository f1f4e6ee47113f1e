"""Which images does a model learn?"""

from app.cached import runs
from app.data import listing, made, upload
from app.display import elements
from cvae_core.data.datasets import Split, load

VIEWS = {"Data sets": listing.show, "Upload": upload.show, "Make glyphs": made.show}

elements.title(
    "Data",
    "The data sets on this machine: MNIST and its like, data sets made from fonts, and your own images. A model takes the shape "
    "of its images and the names of its classes from the data set.",
)
runs.rerun_when_runs_change()
elements.tabs(VIEWS, "view")
elements.explanation(
    "A data set has images of one shape: a square of 16 to 64 pixels, grey or in colour, each value between 0 and 255. The "
    "likelihood sees them as $x$ between 0 and 1. Each image belongs to one class, whose number is the label. The images for "
    "training fit the weights, those for validation choose the best epoch, and those for the test are only scored. Train from "
    "the command line with: `python -m cvae_core train label --dataset NAME`",
    r"x = \tfrac{1}{255}\,(b_1, \dots, b_D), \quad D = \text{channels} \cdot \text{side}^2",
    [Split.intensities, load],
)
