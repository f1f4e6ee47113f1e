"""Which images does a model learn?"""

from app.cached import runs
from app.data import listing, made, upload
from app.display import elements
from cvae_core.data.datasets import Split, load

VIEWS = {"Data sets": listing.show, "Upload": upload.show, "Make glyphs": made.show}

elements.title(
    "Data",
    "The data sets on this machine: built-in ones such as MNIST, ones made from fonts, and your own images. The images of a "
    "data set determine the shape of a model, and its classes are the conditions of a label model.",
)
runs.rerun_when_runs_change()
elements.tabs(VIEWS, "view")
elements.explanation(
    "All images of a data set are squares of the same size, 16 to 64 pixels wide, grey or in colour. Each value is stored "
    "as a byte, and the model sees $x$ between 0 and 1. Each image belongs to one class, whose number is the label. The "
    "training images determine the weights, the validation images the best epoch, and the test images only the scores. "
    "Train on a data set with: `python -m cvae_core train label --dataset NAME`",
    r"x = \tfrac{1}{255}\,(b_1, \dots, b_D), \quad D = \text{channels} \cdot \text{side}^2",
    [Split.intensities, load],
)
