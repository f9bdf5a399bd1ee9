// Is asked for the admin token, once, and needs it for the broker's own WebSocket as well.

export async function play({ page, token, admin }) {
  const dialog = page.getByRole('dialog', { name: 'Admin token' });
  const give = async text => {
    await dialog.getByLabel('Token').fill(text);
    await dialog.getByRole('button', { name: 'Continue' }).click();
  };
  await give('not-the-token-of-anybody');
  await dialog.getByText('That was not the token').waitFor();
  await give(token);
  await page.getByText(/^Version \d/).waitFor();
  await dialog.waitFor({ state: 'detached' });
  await page.reload();
  await page.getByText(/^Version \d/).waitFor();
  const isAskedAgain = await dialog.isVisible();

  await page.getByRole('link', { name: 'Console' }).click();
  await page.getByRole('button', { name: 'Connect', exact: true }).click();
  await page.getByText('connected as').waitFor();
  const withoutToken = await fetch(`${admin}/ws`, { headers: { 'sec-websocket-protocol': 'mqtt' } });
  return { isAskedAgain, withoutToken: withoutToken.status };
}
