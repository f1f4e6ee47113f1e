"""Elements that pages display: pictures and charts with downloads, navigation, the state of an address."""

from functools import partial

from cvae_core.system import former_names

__getattr__ = partial(former_names.find, __name__)
