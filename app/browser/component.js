// What the lab's components share: they live as long as their place on the page, are asked to `take` new data, to `begin`
// when a network has arrived, and to `tick` at every frame of the screen.

class Component {
  constructor(root, setStateValue) {
    Object.assign(this, { root, setStateValue, frames: 0, dirty: false });
    this.arrived = () => this.begin();
    window.addEventListener("cvae-network", this.arrived);
    const loop = (now) => {
      this.tick(now);
      this.frame = requestAnimationFrame(loop);
    };
    this.frame = requestAnimationFrame(loop);
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
