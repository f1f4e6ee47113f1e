// A button that lets a slider of the page walk through its moments, and a line across a chart at the epoch of the moment.
//
// Python gives {moment, epoch, last, moved, chart}. It is told `at` {moment, moved, resting} at every step, and the next step waits until
// Python has shown that moment. A count `moved` that has grown says that a hand has moved the slider: the walk ends there.

const STEP_MILLISECONDS = 450;

class Player extends Component {
  constructor(button, setStateValue) {
    super(button, setStateValue);
    this.line = document.createElement("div");
    this.line.className = "cursor";
    this.line.style.cssText = "position: absolute; width: 2px; margin-left: -1px; background: #d00000; pointer-events: none";
    button.disabled = false;
    button.onclick = () => (this.walking ? this.tell(this.moment, true) : this.walk());
  }

  begin() {}

  take(data) {
    const moved = this.data && data.moved !== this.data.moved;
    this.data = data;
    if (this.walking && moved) this.tell(data.moment, true);
  }

  stop() {
    super.stop();
    this.line.remove();
  }

  tick(now) {
    this.point();
    if (!this.walking || this.moment !== this.data.moment || now - this.since < STEP_MILLISECONDS) return;
    this.step(this.moment + 1);
  }

  // The line is laid over Plotly's chart: a figure with a line of its own would be drawn anew for every moment, which flashes
  // and forgets what the visitor has zoomed into or hidden.
  point() {
    const chart = document.querySelector(`.st-key-${this.data.chart} .js-plotly-plot`), layout = chart?._fullLayout;
    const paper = chart?.querySelector(".svg-container");
    if (!paper || !layout?.xaxis?.d2p) return;
    const { xaxis, yaxis } = layout, right = xaxis.d2p(this.data.epoch);
    if (this.line.parentElement !== paper) paper.append(this.line);
    this.line.hidden = right < 0 || right > xaxis._length;
    Object.assign(this.line.style, {
      left: `${xaxis._offset + right}px`, top: `${yaxis._offset}px`, height: `${yaxis._length}px`,
    });
  }

  // From the last moment on it begins anew.
  walk() {
    this.step(this.data.moment < this.data.last ? this.data.moment + 1 : 0);
  }

  step(moment) {
    this.since = performance.now();
    this.tell(moment, moment >= this.data.last);
  }

  tell(moment, resting) {
    this.moment = moment;
    this.walking = !resting;
    this.root.textContent = resting ? "Play" : "Pause";
    this.setStateValue("at", { moment, moved: this.data.moved, resting });
  }
}

export default mounting(Player, "button");
