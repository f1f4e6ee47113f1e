// What the lab's components share: they live as long as their place on the page, are asked to `take` new data, to `begin`
// when a network has arrived, and to `tick` at the next frame of the screen when something is `dirty`. A page that stands still
// asks for no frame: a browser that draws sixty of nothing in a second takes a tenth of a processor.

class Component {
  #dirty = false;

  constructor(root, setStateValue) {
    Object.assign(this, { root, setStateValue, frames: 0, frame: null });
    this.arrived = () => this.begin();
    window.addEventListener("cvae-network", this.arrived);
  }

  get dirty() {
    return this.#dirty;
  }

  set dirty(dirty) {
    this.#dirty = dirty;
    if (dirty) this.wake();
  }

  // Have `tick` called at the next frame.
  wake() {
    this.frame ??= requestAnimationFrame((now) => {
      this.frame = null;
      this.tick(now);
    });
  }

  // Tell Python, which hears of nothing that is what it was told last, though it may have moved on since: so the time goes along.
  news(name, value) {
    this.setStateValue(name, { value, at: Date.now() });
  }

  stop() {
    cancelAnimationFrame(this.frame);
    window.removeEventListener("cvae-network", this.arrived);
  }
}

function mounting(Kind, selector) {
  const mounted = new WeakMap();
  return ({ data, parentElement, setStateValue }) => {
    let component = mounted.get(parentElement);
    if (!component) mounted.set(parentElement, (component = new Kind(parentElement.querySelector(selector), setStateValue)));
    component.take(data);
    return () => {
      component.stop();
      mounted.delete(parentElement);
    };
  };
}
