// The base class of the lab's components. A component exists as long as its element on the page. `take` receives new data,
// `begin` is called when a network has arrived, and `tick` in the next animation frame if `dirty` is set. An idle page requests
// no frames: sixty empty frames per second would use a tenth of a processor.

class Component {
  #dirty = false;

  constructor(root, setStateValue) {
    Object.assign(this, { root, setStateValue, frames: 0, frame: null });
    this.arrived = () => this.begin();
    this.pressed = () => this.toggle?.(); // a key of the presenter layout
    window.addEventListener("cvae-network", this.arrived);
    window.addEventListener("cvae-play", this.pressed);
  }

  get dirty() {
    return this.#dirty;
  }

  set dirty(dirty) {
    this.#dirty = dirty;
    if (dirty) this.wake();
  }

  // Call `tick` in the next animation frame.
  wake() {
    this.frame ??= requestAnimationFrame((now) => {
      this.frame = null;
      this.tick(now);
    });
  }

  // Send a value to Python. Streamlit drops a value that equals the last one sent, so the time is added to make it differ.
  news(name, value) {
    this.setStateValue(name, { value, at: Date.now() });
  }

  stop() {
    cancelAnimationFrame(this.frame);
    window.removeEventListener("cvae-network", this.arrived);
    window.removeEventListener("cvae-play", this.pressed);
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
