import { createRoot } from "react-dom/client";
import { Provider } from "react-redux";
import { locustStore } from "locust-ui";
import { App } from "./App";
import { Watch } from "./watch";

createRoot(document.getElementById("root")!).render(
  <Provider store={locustStore}>
    <Watch>
      <App />
    </Watch>
  </Provider>,
);
