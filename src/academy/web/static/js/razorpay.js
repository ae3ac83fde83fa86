// Opens Razorpay's checkout over the page, and hands to the academy what it signs when the buyer has paid:
// https://razorpay.com/docs/payments/payment-gateway/web-integration/standard/integration-steps/
//
// A `handler`, not a `callback_url`: to that one Razorpay's site would send a form, without the visitor's session and
// our token. Where no handler runs (some apps show pages in a view that has none) the webhook tells of the payment.

const form = document.getElementById("returned");
const button = document.getElementById("open");

/** {"prefill.name": "Asha"} as {prefill: {name: "Asha"}}. */
function nested(options) {
  const tree = {};
  for (const [path, value] of Object.entries(options)) {
    const names = path.split(".");
    const last = names.pop();
    let place = tree;
    for (const name of names) place = place[name] ??= {};
    place[last] = value;
  }
  return tree;
}

function paid(signed) {
  for (const name of ["razorpay_payment_id", "razorpay_order_id", "razorpay_signature"]) {
    form.elements[name].value = signed[name];
  }
  form.requestSubmit();
}

function open() {
  const checkout = new window.Razorpay({
    ...nested(JSON.parse(form.dataset.options)),
    name: form.dataset.academy,
    theme: { color: form.dataset.accent },
    handler: paid,
    modal: { ondismiss: () => window.location.assign(form.dataset.cancelled) },
  });
  checkout.open();
}

if (window.Razorpay) {
  button.hidden = false;
  button.addEventListener("click", open);
  open();
} else {
  document.getElementById("blocked").hidden = false;
}
