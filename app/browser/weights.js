// Store a network for the components that run it. Python sends each network once; later reruns send only its name.
export default function ({ data }) {
  const networks = (window.cvaeNetworks ??= new Map());
  const network = new Network(data);
  networks.set(network.name, network);
  window.dispatchEvent(new CustomEvent("cvae-network", { detail: network.name }));
}
