// Plays the part of Razorpay's checkout.js: it shows itself with styles of its own, asks its server, and calls what the
// page gave it, as https://razorpay.com/docs/payments/payment-gateway/web-integration/standard/integration-steps/ tells.

window.Razorpay = class {
  constructor(options) {
    this.options = options;
  }

  open() {
    const { amount, description, handler, modal, name, order_id, prefill } = this.options;
    const frame = document.createElement("div");
    frame.innerHTML = '<style>.rzp{position:fixed;inset:0;z-index:99}</style><div style="background:#fff"></div>';
    const box = frame.lastChild;
    box.className = "rzp";
    box.setAttribute("role", "dialog");
    box.setAttribute("aria-label", `${name}: ${description}`);
    const button = (text, pressed) => {
      const made = document.createElement("button");
      made.textContent = text;
      made.addEventListener("click", () => {
        frame.remove();
        pressed();
      });
      box.append(made);
    };
    button(`Pay ${amount} as ${prefill.email}`, async () => {
      const answer = await fetch(`https://api.razorpay.com/paid-by-the-test?order=${order_id}`);
      handler(await answer.json());
    });
    button("Close", modal.ondismiss);
    document.body.append(frame);
  }
};
