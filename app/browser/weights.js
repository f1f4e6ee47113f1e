// Keep a network for the components that run it. It is sent once: later runs of the page send its name alone.
export default function ({ data }) {
  const networks = (window.cvaeNetworks ??= new Map());
  const network = new Network(data);
  networks.set(network.name, network);
  window.dispatchEvent(new CustomEvent("cvae-network", { detail: network.name }));
}
